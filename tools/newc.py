# SPDX-License-Identifier: BSD-2-Clause
"""newc: write and list cpio archives of the "newc" kind, as kernels take them for an initramfs.

Archives are reproducible: entries in the order they are given, owned by root, dated 1970. Several may be joined end to end
(each is padded to a multiple of 512 bytes, so that the next one is aligned); a later entry replaces an earlier one.
"""
import os
import stat

HEADER = 110


class Archive:
    def __init__(self):
        self.parts = []
        self.ino = 0

    def _entry(self, path, mode, data=b"", links=1):
        name = path.strip("/").encode() + b"\0"
        self.ino += 1
        fields = (self.ino, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
        self.parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]

    def dir(self, path, mode=0o755):
        self._entry(path, stat.S_IFDIR | mode, links=2)

    def file(self, path, data, mode=0o644):
        self._entry(path, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def bytes(self):
        trailer = Archive()
        trailer._entry("TRAILER!!!", 0)
        data = b"".join(self.parts + trailer.parts)
        return data + bytes(-len(data) % 512)


def names(data):
    """The paths in an archive that are no plain files: {path: mode}."""
    found = {}
    at = 0
    while data[at : at + 6] == b"070701":
        try:
            mode, size, namesize = (int(data[at + o : at + o + 8], 16) for o in (14, 54, 94))
        except ValueError:  # cut short or damaged: what came before it counts, as for the kernel
            break
        name = data[at + HEADER : at + HEADER + namesize - 1].decode(errors="replace")
        if name == "TRAILER!!!":
            break
        if not stat.S_ISREG(mode):
            found[name.strip("/")] = mode
        at = (at + HEADER + namesize + 3) & ~3
        at = (at + size + 3) & ~3
    return found


def add_host(archive, known, host, guest):
    """Put a host file, or a folder with all in it, at a path of the guest, making the folders above it."""
    guest = guest.strip("/")
    above = ""
    for part in guest.split("/")[:-1]:
        above = f"{above}/{part}".strip("/")
        if above not in known:
            archive.dir(above)
            known[above] = stat.S_IFDIR | 0o755
    info = os.stat(host)
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISDIR(info.st_mode):
        archive.dir(guest, mode)
        known[guest] = info.st_mode
        for name in sorted(os.listdir(host)):
            child = os.path.join(host, name)
            if os.path.islink(child):
                archive.symlink(f"{guest}/{name}", os.readlink(child))
            else:
                add_host(archive, known, child, f"{guest}/{name}")
    else:
        with open(host, "rb") as f:
            archive.file(guest, f.read(), mode)

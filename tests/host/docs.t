#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The documents point at what is there: links between them, headings, files and models they name; docs/README.md lists every page.
. "$(dirname "$0")/../lib/tap.sh"

cd "$top" || exit 1

cat >"$tmp/links.py" <<'EOF'
import glob, os, re, sys

# What build or use makes, the guest's paths, and patterns are not in the tree.
TOP = ('arch', 'boot', 'docs', 'fs', 'ipc', 'kernel', 'mm', 'net', 'tests', 'tools', 'user')

def heading_id(text):
    text = re.sub(r'[`*]', '', text).strip().lower()
    return re.sub(r'[^\w\- ]', '', text).replace(' ', '-')

def ids(page):
    return {heading_id(m) for m in re.findall(r'^#+ (.*)$', open(page).read(), re.M)}

def links(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', open(page).read()):
        if re.match(r'[a-z]+:', target):
            continue
        path, _, anchor = target.partition('#')
        path = os.path.join(os.path.dirname(page), path) if path else page
        if not os.path.exists(path):
            print(f'{page}: no {target}')
        elif anchor and anchor not in ids(path):
            print(f'{page}: no heading for {target}')

def files(page):
    for name in re.findall(r'`([\w./*-]+)`', open(page).read()):
        if name.startswith('bad_'):
            name = f'tests/model/{name.removesuffix(".pml")}.pml'
        elif name.endswith('.pml') and '/' not in name:
            name = f'tests/model/{name}'
        if 'NAME' in name: # stands for a name
            continue
        if name.split('/')[0] in TOP and '/' in name and not glob.glob(name):
            print(f'{page}: no {name}')

for page in sys.argv[2:]:
    {'links': links, 'files': files}[sys.argv[1]](page)
EOF

pages=$(ls README.md CONTRIBUTING.md docs/*.md)
# shellcheck disable=SC2086
is "$(python3 "$tmp/links.py" links $pages 2>&1)" "" "links lead somewhere"
# shellcheck disable=SC2086
is "$(python3 "$tmp/links.py" files $pages 2>&1)" "" "files and models that are named exist"
for page in docs/*.md; do
	name=$(basename "$page")
	[ "$name" = README.md ] && continue
	is "$(grep -c "^| \[$name\]($name)" docs/README.md)" 1 "docs/README.md lists $name"
done
done_testing

/* SPDX-License-Identifier: BSD-2-Clause
 * Linux's ABI of terminals: termios(3), ioctl_tty(2). The same on i386 and amd64.
 */
#ifndef KERNEL_SYSCALL_ABI_TTY_H
#define KERNEL_SYSCALL_ABI_TTY_H

#include "kernel/core/types.h"

#define TCGETS      0x5401
#define TCSETS      0x5402
#define TCSETSW     0x5403
#define TCSETSF     0x5404
#define TCSBRK      0x5409
#define TCXONC      0x540a
#define TCFLSH      0x540b
#define TIOCEXCL    0x540c
#define TIOCNXCL    0x540d
#define TIOCSCTTY   0x540e
#define TIOCGPGRP   0x540f
#define TIOCSPGRP   0x5410
#define TIOCOUTQ    0x5411
#define TIOCSTI     0x5412
#define TIOCGWINSZ  0x5413
#define TIOCSWINSZ  0x5414
#define FIONREAD    0x541b
#define TIOCPKT     0x5420
#define TIOCNOTTY   0x5422
#define TIOCSETD    0x5423
#define TIOCGETD    0x5424
#define TCSBRKP     0x5425
#define TIOCSBRK    0x5427
#define TIOCCBRK    0x5428
#define TIOCGSID    0x5429
#define TCGETS2     0x802c542a
#define TCSETS2     0x402c542b
#define TCSETSW2    0x402c542c
#define TCSETSF2    0x402c542d
#define TIOCGPTN    0x80045430
#define TIOCSPTLCK  0x40045431
#define TIOCGDEV    0x80045432
#define TIOCSIG     0x40045436
#define TIOCVHANGUP 0x5437
#define TIOCGPKT    0x80045438
#define TIOCGPTLCK  0x80045439
#define TIOCGEXCL   0x80045440
#define TIOCGPTPEER 0x5441
#define TCGETA      0x5405
#define TCSETA      0x5406
#define TCSETAW     0x5407
#define TCSETAF     0x5408

/* TIOCPKT */
#define TIOCPKT_DATA       0
#define TIOCPKT_FLUSHREAD  1
#define TIOCPKT_FLUSHWRITE 2
#define TIOCPKT_STOP       4
#define TIOCPKT_START      8
#define TIOCPKT_NOSTOP     16
#define TIOCPKT_DOSTOP     32

/* TCFLSH and TCXONC */
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2
#define TCOOFF    0
#define TCOON     1
#define TCIOFF    2
#define TCION     3

#define N_TTY 0
#define NCCS  19

/* struct termios2; struct termios is the same without the two speeds. */
struct linux_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[NCCS];
	uint32_t ispeed, ospeed;
};
#define LINUX_TERMIOS_SIZE offsetof(struct linux_termios, ispeed)

/* TCGETA's: System V's. */
#define NCC 8
struct linux_termio {
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line;
	uint8_t cc[NCC];
};

struct linux_winsize {
	uint16_t row, col, xpixel, ypixel;
};

enum termios_cc {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2,
};

/* iflag */
#define PARMRK 0x0008u
#define ISTRIP 0x0020u
#define INLCR  0x0040u
#define IGNCR  0x0080u
#define ICRNL  0x0100u
#define IUCLC  0x0200u
#define IXON   0x0400u
#define IXANY  0x0800u
#define IUTF8  0x4000u
/* oflag */
#define OPOST  0x0001u
#define OLCUC  0x0002u
#define ONLCR  0x0004u
#define OCRNL  0x0008u
#define ONOCR  0x0010u
#define ONLRET 0x0020u
#define TABDLY 0x1800u
#define XTABS  0x1800u
/* cflag */
#define CBAUD   0x100fu
#define BOTHER  0x1000u
#define CIBAUD  0x100f0000u
#define IBSHIFT 16
#define B38400  0x000fu
#define B115200 0x1002u
#define CSIZE   0x0030u
#define CS8     0x0030u
#define CREAD   0x0080u
#define PARENB  0x0100u
#define HUPCL   0x0400u
#define CLOCAL  0x0800u
/* lflag */
#define ISIG    0x0001u
#define ICANON  0x0002u
#define ECHO    0x0008u
#define ECHOE   0x0010u
#define ECHOK   0x0020u
#define ECHONL  0x0040u
#define NOFLSH  0x0080u
#define TOSTOP  0x0100u
#define ECHOCTL 0x0200u
#define ECHOPRT 0x0400u
#define ECHOKE  0x0800u
#define IEXTEN  0x8000u

#endif

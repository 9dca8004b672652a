/* SPDX-License-Identifier: BSD-2-Clause
 * A terminal that only remembers: characters and cursor as ECMA-48 and the VT100 have them, no colours.
 * Enough for vi, less, top and watch.
 */
#ifndef USER_TESTS_SCREEN_H
#define USER_TESTS_SCREEN_H

#define SCREEN_MAX_ROWS 100
#define SCREEN_MAX_COLS 200

struct screen {
	int rows, cols, row, col, saved_row, saved_col;
	int top, bottom; /* scroll region, both inside */
	int wrap;        /* the last column is filled */
	enum { TEXT, ESCAPE, CSI, SKIP_ONE } state;
	int nparams, params[8];
	char cells[SCREEN_MAX_ROWS][SCREEN_MAX_COLS];
};

void screen_init(struct screen *s, int rows, int cols);
void screen_put(struct screen *s, const char *p, long n);
/* Does a row hold the text. */
int screen_has(const struct screen *s, const char *text);
/* The rows, without blanks at their ends, and where the cursor is. */
void screen_print(const struct screen *s);

#endif

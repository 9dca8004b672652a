/* SPDX-License-Identifier: BSD-2-Clause */
#include "screen.h"

#include <stdio.h>
#include <string.h>

#define TAB 8

static void blank(struct screen *s, int row, int from, int to)
{
	if (to > from)
		memset(&s->cells[row][from], ' ', (size_t)(to - from));
}

void screen_init(struct screen *s, int rows, int cols)
{
	memset(s, 0, sizeof(*s));
	s->rows = rows < SCREEN_MAX_ROWS ? rows : SCREEN_MAX_ROWS;
	s->cols = cols < SCREEN_MAX_COLS ? cols : SCREEN_MAX_COLS;
	s->bottom = s->rows - 1;
	for (int i = 0; i < s->rows; i++)
		blank(s, i, 0, s->cols);
}

/* Rows [top, bottom] go up by n, or down if it is negative. */
static void scroll(struct screen *s, int top, int bottom, int n)
{
	for (; n > 0; n--) {
		memmove(s->cells[top], s->cells[top + 1],
			(size_t)(bottom - top) * sizeof(s->cells[0]));
		blank(s, bottom, 0, s->cols);
	}
	for (; n < 0; n++) {
		memmove(s->cells[top + 1], s->cells[top],
			(size_t)(bottom - top) * sizeof(s->cells[0]));
		blank(s, top, 0, s->cols);
	}
}

static int clamp(int v, int max)
{
	return v < 0 ? 0 : v > max ? max : v;
}

static void move(struct screen *s, int row, int col)
{
	s->row = clamp(row, s->rows - 1);
	s->col = clamp(col, s->cols - 1);
	s->wrap = 0;
}

static void line_feed(struct screen *s)
{
	if (s->row == s->bottom)
		scroll(s, s->top, s->bottom, 1);
	else if (s->row < s->rows - 1)
		s->row++;
	s->wrap = 0;
}

static void print(struct screen *s, char c)
{
	if (s->wrap) {
		s->col = 0;
		line_feed(s);
	}
	s->cells[s->row][s->col] = c;
	if (s->col == s->cols - 1)
		s->wrap = 1;
	else
		s->col++;
}

static int param(const struct screen *s, int i, int def)
{
	return i < s->nparams && s->params[i] != 0 ? s->params[i] : def;
}

static void erase_display(struct screen *s, int what)
{
	for (int i = 0; i < s->rows; i++)
		if (what == 2 || (what == 0 && i > s->row) || (what == 1 && i < s->row))
			blank(s, i, 0, s->cols);
	if (what < 2)
		blank(s, s->row, what == 0 ? s->col : 0, what == 0 ? s->cols : s->col + 1);
}

static void shift(struct screen *s, int n)
{
	char *p = &s->cells[s->row][s->col];
	int rest = s->cols - s->col, by = clamp(n < 0 ? -n : n, rest);

	if (n > 0) {
		memmove(p + by, p, (size_t)(rest - by));
		blank(s, s->row, s->col, s->col + by);
	} else {
		memmove(p, p + by, (size_t)(rest - by));
		blank(s, s->row, s->cols - by, s->cols);
	}
}

static void sequence(struct screen *s, char final)
{
	int n = clamp(param(s, 0, 1), SCREEN_MAX_COLS), what = param(s, 0, 0);

	switch (final) {
	case 'A':
		move(s, s->row - n, s->col);
		break;
	case 'B':
		move(s, s->row + n, s->col);
		break;
	case 'C':
		move(s, s->row, s->col + n);
		break;
	case 'D':
		move(s, s->row, s->col - n);
		break;
	case 'G':
		move(s, s->row, n - 1);
		break;
	case 'd':
		move(s, n - 1, s->col);
		break;
	case 'H':
	case 'f':
		move(s, param(s, 0, 1) - 1, param(s, 1, 1) - 1);
		break;
	case 'J':
		erase_display(s, what);
		break;
	case 'K':
		blank(s, s->row, what == 0 ? s->col : 0, what == 1 ? s->col + 1 : s->cols);
		break;
	case 'L':
		scroll(s, s->row, s->bottom, -n);
		break;
	case 'M':
		scroll(s, s->row, s->bottom, n);
		break;
	case '@':
		shift(s, n);
		break;
	case 'P':
		shift(s, -n);
		break;
	case 'r':
		s->top = clamp(param(s, 0, 1) - 1, s->rows - 1);
		s->bottom = clamp(param(s, 1, s->rows) - 1, s->rows - 1);
		move(s, 0, 0);
		break;
	}
}

static void escape(struct screen *s, char c)
{
	s->state = TEXT;
	switch (c) {
	case '[':
		s->state = CSI;
		s->nparams = 0;
		memset(s->params, 0, sizeof(s->params));
		break;
	case '(':
	case ')':
		s->state = SKIP_ONE;
		break;
	case '7':
		s->saved_row = s->row;
		s->saved_col = s->col;
		break;
	case '8':
		move(s, s->saved_row, s->saved_col);
		break;
	case 'D':
		line_feed(s);
		break;
	case 'M':
		if (s->row == s->top)
			scroll(s, s->top, s->bottom, -1);
		else
			move(s, s->row - 1, s->col);
		break;
	}
}

static void csi(struct screen *s, char c)
{
	if (c >= '0' && c <= '9') {
		if (s->nparams == 0)
			s->nparams = 1;
		s->params[s->nparams - 1] = (s->params[s->nparams - 1] * 10 + c - '0') % 10000;
	} else if (c == ';') {
		s->nparams += s->nparams == 0 ? 2 : s->nparams < 8 ? 1 : 0;
	} else if (c >= '@' && c <= '~') {
		s->state = TEXT;
		sequence(s, c);
	}
}

static void text(struct screen *s, char c)
{
	switch (c) {
	case '\033':
		s->state = ESCAPE;
		break;
	case '\n':
		line_feed(s);
		break;
	case '\r':
		s->col = s->wrap = 0;
		break;
	case '\b':
		move(s, s->row, s->col - 1);
		break;
	case '\t':
		move(s, s->row, (s->col / TAB + 1) * TAB);
		break;
	default:
		if ((unsigned char)c >= ' ' && c != 127)
			print(s, c);
	}
}

void screen_put(struct screen *s, const char *p, long n)
{
	for (; n > 0; n--, p++) {
		if (s->state == TEXT)
			text(s, *p);
		else if (s->state == ESCAPE)
			escape(s, *p);
		else if (s->state == CSI)
			csi(s, *p);
		else
			s->state = TEXT;
	}
}

int screen_has(const struct screen *s, const char *text)
{
	char row[SCREEN_MAX_COLS + 1];

	for (int i = 0; i < s->rows; i++) {
		memcpy(row, s->cells[i], (size_t)s->cols);
		row[s->cols] = '\0';
		if (strstr(row, text) != NULL)
			return 1;
	}
	return 0;
}

void screen_print(const struct screen *s)
{
	for (int i = 0; i < s->rows; i++) {
		int end = s->cols;

		while (end > 0 && s->cells[i][end - 1] == ' ')
			end--;
		printf("|%.*s\n", end, s->cells[i]);
	}
	printf("cursor %d %d\n", s->row, s->col);
}

/* SPDX-License-Identifier: BSD-2-Clause
 * A position-independent program over shared libraries: what exec and the dynamic linker have to get right for
 * such a one, told as lines that are the same on every machine (tests/boot/dynamic.t).
 *
 *	dyn           the checks
 *	dyn --where   where things are: program, loader, libc, heap, stack; for the randomisation tests
 *	dyn --fixed   the same without address space randomisation: personality(2), then exec
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

extern char **environ;
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));
extern char _start[];

static __thread int tls_data = 42;
static __thread char tls_bss[5000];
static int constructed;
static char bss[20000], *relocated = bss + 7;

__attribute__((constructor)) static void construct(void)
{
	constructed = 1;
}

static void check(const char *what, int yes)
{
	printf("%s: %s\n", what, yes ? "yes" : "NO");
}

static uintptr_t program_base(void)
{
	return (uintptr_t)&__ehdr_start;
}

static uintptr_t base_of(const void *symbol)
{
	Dl_info info;

	return dladdr(symbol, &info) != 0 ? (uintptr_t)info.dli_fbase : 0;
}

/* ---- The auxiliary vector ---- */

/* As the kernel gave it: getauxval(AT_HWCAP) tells what glibc made of it. */
static unsigned long raw_aux(unsigned long type)
{
	char **p = environ;
	ElfW(auxv_t) * a;

	while (*p++ != NULL)
		;
	for (a = (ElfW(auxv_t) *)p; a->a_type != AT_NULL; a++)
		if (a->a_type == type)
			return a->a_un.a_val;
	return 0;
}

static void check_auxv(char **argv)
{
	const ElfW(Phdr) *ph = (void *)getauxval(AT_PHDR);
	const unsigned char *random = (void *)getauxval(AT_RANDOM);
	const char *execfn = (const char *)getauxval(AT_EXECFN);
	unsigned char sum = 0;

	check("AT_PHDR is in the program", (uintptr_t)ph == program_base() + __ehdr_start.e_phoff);
	check("AT_PHENT", getauxval(AT_PHENT) == sizeof(*ph));
	check("AT_PHNUM", getauxval(AT_PHNUM) == __ehdr_start.e_phnum);
	check("AT_ENTRY", getauxval(AT_ENTRY) == (uintptr_t)_start);
	check("AT_BASE is the dynamic linker",
		getauxval(AT_BASE) == base_of((void *)_r_debug.r_brk));
	check("AT_PAGESZ", getauxval(AT_PAGESZ) == 4096);
	check("AT_CLKTCK", getauxval(AT_CLKTCK) == 100);
	check("AT_HWCAP has an FPU, TSC and CX8", (raw_aux(AT_HWCAP) & 0x111) == 0x111);
	check("ids", getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() &&
			     getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
	check("AT_SECURE is 0", getauxval(AT_SECURE) == 0);
	for (int i = 0; i < 16; i++)
		sum |= random[i];
	check("AT_RANDOM", sum != 0);
	check("AT_EXECFN", strcmp(execfn, argv[0]) == 0);
	printf("AT_PLATFORM: %s\n", (const char *)getauxval(AT_PLATFORM));
	check("AT_MINSIGSTKSZ",
		getauxval(AT_MINSIGSTKSZ) >= 1024 && getauxval(AT_MINSIGSTKSZ) <= 65536 &&
			sysconf(_SC_MINSIGSTKSZ) >= (long)getauxval(AT_MINSIGSTKSZ));
	errno = 0;
	check("AT_HWCAP2 is there", getauxval(AT_HWCAP2) != 0 || errno == 0);
}

/* ---- What the dynamic linker did ---- */

static int count_objects(struct dl_phdr_info *info, size_t size, void *n)
{
	(void)info;
	(void)size;
	++*(int *)n;
	return 0;
}

static void *in_thread(void *arg)
{
	check("a thread has TLS of its own", tls_data == 42 && tls_bss[4999] == 0);
	tls_data = *(int *)arg;
	memset(tls_bss, 1, sizeof(tls_bss));
	return &tls_data;
}

static void check_threads(void)
{
	pthread_t t;
	int v = 17;

	tls_data = 5;
	pthread_create(&t, NULL, in_thread, &v);
	pthread_join(t, NULL);
	check("and leaves ours alone", tls_data == 5 && tls_bss[4999] == 0);
}

static void check_dlopen(void)
{
	void *h = dlopen("libm.so.6", RTLD_NOW);
	double (*root)(double) = h != NULL ? (double (*)(double))dlsym(h, "cbrt") : NULL;

	check("dlopen", h != NULL);
	if (root != NULL)
		printf("cbrt(27) = %.1f\n", root(27));
	check("dlopen of nothing fails", dlopen("libnothing.so.1", RTLD_NOW) == NULL);
}

static int relro_page_is_readable_only(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			*(uintptr_t *)arg = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
	return 1; /* the first is the program */
}

/* Of the line of /proc/self/maps that covers va: the rights. */
static const char *rights_at(uintptr_t va)
{
	static char rights[5];
	unsigned long lo, hi;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");

	strcpy(rights, "none");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &lo, &hi, rights) == 3 && lo <= va && va < hi)
			break;
	if (f != NULL)
		fclose(f);
	return rights;
}

static void check_linking(void)
{
	uintptr_t relro = 0;
	int n = 0;

	check("constructors ran", constructed);
	check("data is relocated", relocated == bss + 7);
	check("bss is zero", bss[0] == 0 && bss[19999] == 0);
	dl_iterate_phdr(count_objects, &n);
	check("program, libm, libc and loader are mapped", n >= 4);
	printf("code is %s\n", rights_at((uintptr_t)check));
	printf("data is %s\n", rights_at((uintptr_t)&constructed));
	dl_iterate_phdr(relro_page_is_readable_only, &relro);
	printf("RELRO is %s\n", rights_at(relro));
	printf("the stack is %s\n", rights_at((uintptr_t)&relro));
	printf("sqrt(2) = %.6f\n", sqrt(strtod("2", NULL)));
}

static void where(void)
{
	int here;
	void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	printf("%lx %lx %lx %lx %lx %lx\n", (unsigned long)program_base(),
		(unsigned long)getauxval(AT_BASE), (unsigned long)base_of((void *)printf),
		(unsigned long)map, (unsigned long)sbrk(0), (unsigned long)&here);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--where") == 0) {
		where();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--fixed") == 0) {
		char *args[] = { argv[0], "--where", NULL };

		if (personality(ADDR_NO_RANDOMIZE) == -1)
			return 1;
		execve(argv[0], args, environ);
		return 1;
	}
	check_auxv(argv);
	check_linking();
	check_threads();
	check_dlopen();
	return 0;
}

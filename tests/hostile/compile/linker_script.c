/* Section names and symbols that mean something to the linker. */
__attribute__((section(".interp"))) const char interp[] = "/bin/sh";
__asm__(".section .note.GNU-stack,\"x\"\n.symver main,main@@HOSTILE_1");
int main(void) { return 0; }

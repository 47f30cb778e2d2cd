/* A few bytes of assembler that become gigabytes. */
__asm__(".rept 1000000000\n.quad 0x41414141\n.endr");
int main(void) { return 0; }

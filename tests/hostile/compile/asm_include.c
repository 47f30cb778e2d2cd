/* The assembler's own include. */
__asm__(".include \"/etc/passwd\"\n.include \"/dev/random\"");
int main(void) { return 0; }

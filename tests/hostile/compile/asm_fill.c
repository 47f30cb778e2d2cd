/* A program of a terabyte. */
__asm__(".data\n.fill 0x10000000000, 1, 1");
int main(void) { return 0; }

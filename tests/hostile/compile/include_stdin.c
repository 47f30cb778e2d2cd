/* Includes what the compiler was given as input. */
#include "/dev/stdin"
#include "/proc/self/fd/0"
int main(void) { return 0; }

/* A program of four gigabytes, all of it initialized. */
char a[1UL << 32] = {1};
int main(void) { return a[5]; }

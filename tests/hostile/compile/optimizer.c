/* Little text that the optimizer works on for long. */
#define A(n) a[n] = a[(n) + 1] * a[(n) + 2] ^ a[(n) + 3];
#define B(n) A(n) A((n) + 1) A((n) + 2) A((n) + 3) A((n) + 4) A((n) + 5) A((n) + 6) A((n) + 7)
#define C(n) B(n) B((n) + 8) B((n) + 16) B((n) + 24) B((n) + 32) B((n) + 40) B((n) + 48) B((n) + 56)
#define D(n) C(n) C((n) + 64) C((n) + 128) C((n) + 192) C((n) + 256) C((n) + 320) C((n) + 384)
#define E(n) D(n) D((n) + 448) D((n) + 896) D((n) + 1344) D((n) + 1792) D((n) + 2240) D((n) + 2688)
unsigned a[1 << 20];
int main(void)
{
    for (int i = 0; i < 10; i++) {
        E(0) E(1) E(2) E(3) E(4) E(5) E(6) E(7) E(8) E(9)
        E(10) E(11) E(12) E(13) E(14) E(15) E(16) E(17) E(18) E(19)
    }
    return 0;
}

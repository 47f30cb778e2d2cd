// Runs for ever before main().
struct before {
    before()
    {
        for (volatile int i = 0;; i = i + 1)
            ;
    }
} b;
int main() {}

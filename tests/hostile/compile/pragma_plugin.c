/* Asks the compiler to load code, write files and run programs. */
#pragma GCC plugin "/work/evil.so"
#pragma GCC dependency "/etc/shadow"
#pragma push_options "-fplugin=/work/evil.so"
#pragma GCC optimize ("fplugin=/work/evil.so")
int main(void) { return 0; }

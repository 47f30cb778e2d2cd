/* Asks the compiler to load code, write files and run programs. */
#pragma GCC plugin "./evil.so"
#pragma GCC dependency "/etc/shadow"
#pragma push_options "-fplugin=./evil.so"
#pragma GCC optimize ("fplugin=./evil.so")
int main(void) { return 0; }

// The same in C++.
#include "/dev/urandom"
int main() {}

/* Reads a file of the machine through an error message. */
#include "/etc/passwd"
#include "/etc/shadow"
#include SECRET_PATH
int main(void) { return 0; }

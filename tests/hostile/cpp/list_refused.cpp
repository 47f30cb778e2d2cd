// What no C++ program is seen to need: locked memory, other users, owners, attributes. Each must
// be refused.
#include <cstdio>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

static int escapes;

static void refused(bool failed, const char *what)
{
    std::printf("%s: %s\n", failed ? "held" : "ESCAPED", what);
    escapes += !failed;
}

int main()
{
    char text[64] = "";

    refused(mlock(text, sizeof(text)) < 0, "mlock");
    refused(setuid(getuid()) < 0, "setuid");
    refused(chown(".", getuid(), getgid()) < 0, "chown");
    refused(listxattr(".", text, sizeof(text)) < 0, "listxattr");
    return escapes;
}

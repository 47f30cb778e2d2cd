/* Reads a file of the machine by its name. */
#include "hostile.h"
int main(int argc, char **argv)
{
    if (argc > 2)
        REFUSED(show(argv[2]));
    REFUSED(show("/etc/shadow"));
    REFUSED(show("/etc/machine-id"));
    REFUSED(show("/var/run/secrets/kubernetes.io/serviceaccount/token"));
    REFUSED(show("/run/arena/key"));
    return escapes;
}

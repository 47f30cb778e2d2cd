/* Names of the machine must not show and must not change. */
#include "hostile.h"
#include <sys/utsname.h>
int main(void)
{
    struct utsname u;

    uname(&u);
    printf("node name %s\n", u.nodename);
    REFUSED(sethostname("hostile", 7));
    REFUSED(setdomainname("hostile", 7));
    return escapes;
}

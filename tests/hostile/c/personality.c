/* Takes away address randomization and maps page zero. */
#include "hostile.h"
#include <sys/personality.h>
int main(void)
{
    REFUSED(personality(ADDR_NO_RANDOMIZE));
    REFUSED(personality(READ_IMPLIES_EXEC));
    errno = 0;
    report(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED,
           "page zero");
    return escapes;
}

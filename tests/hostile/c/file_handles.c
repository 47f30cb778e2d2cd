/* Opens files by handle, past every mount: the "shocker" way out. */
#include "hostile.h"
int main(void)
{
    char room[sizeof(struct file_handle) + 128];
    struct file_handle *h = (struct file_handle *)room;
    int id;

    h->handle_bytes = 128;
    REFUSED(name_to_handle_at(AT_FDCWD, "/", h, &id, 0));
    h->handle_bytes = 8;
    h->handle_type = 1;
    memcpy(h->f_handle, "\x02\0\0\0\0\0\0\0", 8);
    REFUSED(open_by_handle_at(open("/", O_RDONLY), h, O_RDONLY));
    return escapes;
}

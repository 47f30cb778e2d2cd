/* Raw and packet sockets, and netlink, which sets up interfaces. */
#include "hostile.h"
int main(void)
{
    REFUSED(socket(AF_INET, SOCK_RAW, 1));
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 12));
    REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0));
    REFUSED(socket(AF_BLUETOOTH, SOCK_RAW, 0));
    REFUSED(socket(AF_XDP, SOCK_RAW, 0));
    REFUSED(socket(AF_TIPC, SOCK_SEQPACKET, 0));
    return escapes;
}

/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/address.h"

#include "base/own.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>

enum { API_V4_BITS = 96, API_HOP_TEXT = API_ADDRESS_TEXT + sizeof("[]:65535") };

static const uint8_t api_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* Every block that is not the public internet (IANA special-purpose registries). */
static const char api_special[] =
    "0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, "
    "192.0.0.0/24, 192.0.2.0/24, 192.88.99.0/24, 192.168.0.0/16, 198.18.0.0/15, "
    "198.51.100.0/24, 203.0.113.0/24, 224.0.0.0/4, 240.0.0.0/4, "
    "::/96, 64:ff9b:1::/48, 100::/64, 2001::/23, 2001:db8::/32, 3fff::/20, "
    "5f00::/16, fc00::/7, fe80::/10, fec0::/10, ff00::/8";

static bool api_is_v4(const struct api_address *a)
{
    return memcmp(a->b, api_mapped, sizeof(api_mapped)) == 0;
}

int api_address_parse(const char *text, struct api_address *ret)
{
    struct api_address a;

    if (inet_pton(AF_INET6, text, a.b) != 1) {
        memcpy(a.b, api_mapped, sizeof(api_mapped));
        if (inet_pton(AF_INET, text, a.b + sizeof(api_mapped)) != 1)
            return -EINVAL;
    }
    *ret = a;
    return 0;
}

char *api_address_format(const struct api_address *a, char out[API_ADDRESS_TEXT])
{
    bool v4 = api_is_v4(a);

    if (!inet_ntop(v4 ? AF_INET : AF_INET6, a->b + (v4 ? sizeof(api_mapped) : 0), out,
                   API_ADDRESS_TEXT))
        out[0] = '\0';
    return out;
}

/* One "address" or "address/bits", already without space around it. */
static int api_net_parse(char *text, struct api_net *ret)
{
    char *slash = strchr(text, '/');
    unsigned long bits = 128;
    char *end;
    struct api_net net;

    if (slash)
        *slash = '\0';
    if (api_address_parse(text, &net.base) < 0)
        return -EINVAL;

    bool v4 = strchr(text, ':') == NULL;
    if (slash) {
        if (!isdigit((unsigned char)slash[1]))
            return -EINVAL;
        bits = strtoul(slash + 1, &end, 10);
        if (*end || bits > (v4 ? 32 : 128))
            return -EINVAL;
        bits += v4 ? API_V4_BITS : 0;
    }
    net.bits = (uint8_t)bits;
    *ret = net;
    return 0;
}

int api_nets_parse(const char *text, struct api_nets *ret, struct err *err)
{
    struct api_nets nets = {0};

    while (*text) {
        size_t skip = strspn(text, ", \t");
        size_t len = strcspn(text + skip, ", \t");
        char part[64];

        text += skip;
        if (len == 0)
            break;
        if (len >= sizeof(part))
            return err_set(err, EINVAL, "\"%.40s...\" is not a network", text);
        if (nets.n == API_NETS_MAX)
            return err_set(err, E2BIG, "more than %d networks", API_NETS_MAX);
        memcpy(part, text, len);
        part[len] = '\0';
        if (api_net_parse(part, &nets.at[nets.n]) < 0)
            return err_set(err, EINVAL, "\"%.*s\" is not an address or network", (int)len, text);
        nets.n++;
        text += len;
    }
    *ret = nets;
    return 0;
}

static bool api_net_has(const struct api_net *net, const struct api_address *a)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8;

    if (memcmp(net->base.b, a->b, whole) != 0)
        return false;
    return rest == 0 || (net->base.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

bool api_nets_has(const struct api_nets *nets, const struct api_address *a)
{
    for (size_t i = 0; i < nets->n; i++) {
        if (api_net_has(&nets->at[i], a))
            return true;
    }
    return false;
}

/* The IPv4 address inside a NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address. */
static bool api_embedded_v4(const struct api_address *a, struct api_address *ret)
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    const uint8_t *v4;

    if (memcmp(a->b, nat64, sizeof(nat64)) == 0)
        v4 = a->b + 12;
    else if (a->b[0] == 0x20 && a->b[1] == 0x02)
        v4 = a->b + 2;
    else
        return false;
    memcpy(ret->b, api_mapped, sizeof(api_mapped));
    memcpy(ret->b + sizeof(api_mapped), v4, 4);
    return true;
}

bool api_address_public(const struct api_address *a)
{
    struct api_nets special;
    struct api_address inner;

    if (api_nets_parse(api_special, &special, NULL) < 0)
        abort();
    if (api_embedded_v4(a, &inner) && api_nets_has(&special, &inner))
        return false;
    return !api_nets_has(&special, a);
}

/* An address as proxies write it: alone, or with a port, IPv6 in brackets then. */
static int api_hop_parse(const char *text, struct api_address *ret)
{
    char name[API_ADDRESS_TEXT];
    const bool bracket = *text == '[';
    const char *colon = strchr(text, ':');
    const char *from = text + bracket, *end = text + strlen(text);

    if (bracket)
        end = strchr(text, ']');
    else if (colon && !strchr(colon + 1, ':'))
        end = colon;
    if (!end || (size_t)(end - from) >= sizeof(name))
        return -EINVAL;
    memcpy(name, from, (size_t)(end - from));
    name[end - from] = '\0';

    const char *rest = end + bracket;
    if (*rest && (*rest != ':' || rest[1 + strspn(rest + 1, "0123456789")]))
        return -EINVAL;
    return api_address_parse(name, ret);
}

/* Its last part, without the space around it, which is taken off the line. */
static struct span api_part_take(struct span *line)
{
    size_t start = line->len;
    struct span part;

    while (start > 0 && line->data[start - 1] != ',')
        start--;
    part = (struct span){line->data + start, line->len - start};
    line->len = start ? start - 1 : 0;
    for (; part.len && isspace(part.data[0]); part.len--)
        part.data++;
    while (part.len && isspace(part.data[part.len - 1]))
        part.len--;
    return part;
}

bool api_address_behind(struct api_address *client, struct span line,
                        const struct api_nets *trusted)
{
    char text[API_HOP_TEXT];

    while (line.len > 0 && api_nets_has(trusted, client)) {
        struct span part = api_part_take(&line);

        if (part.len == 0)
            continue;
        if (part.len >= sizeof(text))
            return false;
        memcpy(text, part.data, part.len);
        text[part.len] = '\0';
        if (api_hop_parse(text, client) < 0)
            return false;
    }
    return api_nets_has(trusted, client);
}

struct api_address api_address_group(const struct api_address *a)
{
    struct api_address group = *a;

    if (!api_is_v4(a))
        memset(group.b + 8, 0, 8);
    return group;
}

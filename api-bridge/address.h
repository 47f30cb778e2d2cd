/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_ADDRESS_H
#define API_ADDRESS_H
/*
 * Client addresses: whom a request comes from, behind which proxies, and whether a webhook
 * may go somewhere. IPv4 is kept in its IPv4-mapped IPv6 form (RFC 4291 section 2.5.5.2),
 * so that "::ffff:10.0.0.1" cannot be told from 10.0.0.1. Pure functions, any thread.
 */
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { API_ADDRESS_SIZE = 16, API_NETS_MAX = 64, API_ADDRESS_TEXT = 46 };

struct api_address {
    uint8_t b[API_ADDRESS_SIZE];
};

struct api_net {
    struct api_address base;
    uint8_t bits; /* 0..128, counted in the mapped form */
};

struct api_nets {
    size_t n;
    struct api_net at[API_NETS_MAX];
};

/* An address in text, IPv4 or IPv6, no port, no zone. 0 or -EINVAL. */
int api_address_parse(const char *text, struct api_address *ret);
char *api_address_format(const struct api_address *a, char out[API_ADDRESS_TEXT]);
/* "10.0.0.0/8, 192.168.1.1, fd00::/8"; "" is none. -EINVAL or -E2BIG, `err` names the part. */
int api_nets_parse(const char *text, struct api_nets *ret, struct err *err);
bool api_nets_has(const struct api_nets *nets, const struct api_address *a);
/*
 * True for an address of the public internet: not loopback, private (RFC 1918, RFC 4193),
 * link-local, shared (RFC 6598), documentation, benchmarking, multicast, reserved, nor an
 * IPv6 form that embeds such an IPv4 address (mapped, NAT64 RFC 6052, 6to4).
 */
bool api_address_public(const struct api_address *a);
/*
 * Steps from a hop to the client behind it: walks one line of X-Forwarded-For ("8.8.8.8,
 * 8.8.4.4:123, [2001:db8::1]:443") from its right end for as long as `client` is a trusted proxy;
 * of several lines the last comes first. False when the walk is over: `client` is no proxy, or a
 * part is no address.
 */
bool api_address_behind(struct api_address *client, struct span line,
                        const struct api_nets *trusted);
/* What one client is counted by: the address for IPv4, its /64 for IPv6. */
struct api_address api_address_group(const struct api_address *a);
#endif

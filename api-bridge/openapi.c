/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/openapi.h"

#include "api-bridge/exchange.h"
#include "api-bridge/route.h"

/* The assembler takes the file in; the makefile says where it is and rebuilds when it changes. */
__asm__(".section .rodata\n"
        ".global api_openapi_first\n"
        ".global api_openapi_end\n"
        "api_openapi_first:\n"
        ".incbin \"" OPENAPI_FILE "\"\n"
        "api_openapi_end:\n"
        ".previous\n");

extern const uint8_t api_openapi_first[];
extern const uint8_t api_openapi_end[];

struct span api_openapi_document(void)
{
    return (struct span){api_openapi_first, (size_t)(api_openapi_end - api_openapi_first)};
}

void api_openapi_handle(struct api_exchange *x)
{
    api_answer_static(x, 200, NULL, api_openapi_document());
}

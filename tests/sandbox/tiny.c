/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/sandbox/tiny.h"

#include "sandbox/client.h"

#include <elf.h>

int tiny_program(uint32_t pages)
{
    enum { BASE = 0x400000, PAGE = 4096, AT = 1, COUNT = 6 };
    struct {
        Elf64_Ehdr elf;
        Elf64_Phdr load;
        unsigned char code[35];
    } tiny = {.elf = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, 1},
                      .e_type = ET_EXEC,
                      .e_machine = EM_X86_64,
                      .e_version = EV_CURRENT,
                      .e_entry = BASE + sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                      .e_phoff = sizeof(Elf64_Ehdr),
                      .e_ehsize = sizeof(Elf64_Ehdr),
                      .e_phentsize = sizeof(Elf64_Phdr),
                      .e_phnum = 1},
              .load = {.p_type = PT_LOAD,
                       .p_flags = PF_R | PF_W | PF_X,
                       .p_vaddr = BASE,
                       .p_filesz = sizeof(tiny),
                       .p_memsz = (pages + 1UL) * PAGE,
                       .p_align = PAGE},
              /* mov edi, AT; mov ecx, COUNT; 1: movb [rdi], 1; add edi, PAGE; dec ecx; jnz 1b;
               * mov edi, 1; mov eax, SYS_exit; syscall */
              .code = {0xbf, 0,    0,    0, 0,    0xb9, 0, 0,    0,    0,    0xc6, 7,
                       1,    0x81, 0xc7, 0, 0x10, 0,    0, 0xff, 0xc9, 0x75, 0xf3, 0xbf,
                       1,    0,    0,    0, 0xb8, 60,   0, 0,    0,    0x0f, 5}};
    const uint32_t at = BASE + PAGE;

    memcpy(tiny.code + AT, &at, sizeof(at));
    memcpy(tiny.code + COUNT, &pages, sizeof(pages));
    return client_memfd((struct span){(const uint8_t *)&tiny, sizeof(tiny)}, NULL);
}

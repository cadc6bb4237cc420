#!/bin/sh
# embed.sh FILE NAME HEADER: the file's bytes as a C source on standard output: NAME[] and NAME_len, as HEADER declares them.
set -eu
printf '#include "%s"\n\nconst unsigned char %s[] = {\n' "$3" "$2"
od -An -v -tx1 "$1" | sed 's/ \(..\)/0x\1,/g'
printf '};\nconst size_t %s_len = sizeof(%s);\n' "$2" "$2"

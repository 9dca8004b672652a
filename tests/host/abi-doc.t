#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# docs/abi.md is what tools/abi-doc makes of the tables; the tables have Linux's numbers.
. "$(dirname "$0")/../lib/tap.sh"

cd "$top" || exit 1
ok "the tables agree with Linux's headers" sh -c 'tools/abi-doc >"$1"' - "$tmp/abi.md"
same docs/abi.md "$tmp/abi.md" "docs/abi.md is up to date (tools/abi-doc >docs/abi.md)"
done_testing

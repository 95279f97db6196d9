// SPDX-License-Identifier: Apache-2.0
// The evaluation protocols as people read them: in a terminal, and in configs/README.md.
#pragma once

#include <string>

namespace larkspur::launch {

/// One line a protocol: name, kinds of data, views, sizes, how views become one, whose it is; then
/// what each rule means.
std::string protocol_table();

/// The same as Markdown.
std::string protocol_table_markdown();

}  // namespace larkspur::launch

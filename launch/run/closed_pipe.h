// SPDX-License-Identifier: Apache-2.0
// Telling a reader who has seen enough from results that are lost.
#pragma once

namespace larkspur::launch {

/// Whether stdout is a pipe that nobody reads any more, as behind `| head`.
bool reader_has_left();

}  // namespace larkspur::launch

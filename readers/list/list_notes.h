// SPDX-License-Identifier: Apache-2.0
// What a person should look at in a list that can be used as it is.
#pragma once

#include <string>
#include <vector>

#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// A sentence each: files that stand under several labels, classes without a sample, with the first
/// of them by name. Empty where there are none.
std::vector<std::string> notes_on(const SampleList& list);

}  // namespace larkspur::readers

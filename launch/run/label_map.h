// SPDX-License-Identifier: Apache-2.0
// Keeping labels what the network learned them as, whatever list they come from.
#pragma once

#include <string>
#include <vector>

#include "readers/list/sample_list.h"

namespace larkspur::launch {

/// Whether a list knows its classes only as the numbers "0", "1", ...
bool are_numbers(const std::vector<std::string>& classes);

/// Where two lists of class names differ first: "class 2 is 'cone' there, 'cube' here", or in their
/// number. They must differ.
std::string class_difference(const std::vector<std::string>& there,
                             const std::vector<std::string>& here);

/// Renumbers the entries' labels so that label i means classes[i], and takes `classes` over. Names
/// are matched by name, so a list that lacks a class or has another order keeps its meaning;
/// numbers that are the very names of classes (folders called 1, 2, 3) are names, too. Bare numbers
/// stand for themselves where the model has numbers as well. Throws kInvalidArgument, naming `what`
/// (the list): for a name or number that the model lacks, and for bare numbers where it has names,
/// as nothing says which number is which.
void align_labels(readers::SampleList& list,
                  const std::vector<std::string>& classes,
                  const std::string& what);

}  // namespace larkspur::launch

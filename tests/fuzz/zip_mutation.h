// SPDX-License-Identifier: Apache-2.0
// Changes what is in a zip archive and leaves a valid archive around it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larkspur::testing {

using Mutation = std::size_t (*)(std::uint8_t* data, std::size_t size, std::size_t most);

/// Takes the archive of stored members apart, lets `mutate` change one of them (the pickle mostly,
/// by `seed`) and puts it together again, at most `most` bytes. Returns the new size; 0 where
/// `data` is no such archive or the new one does not fit, and then `data` is as it was.
std::size_t mutate_member(
    std::uint8_t* data, std::size_t size, std::size_t most, unsigned int seed, Mutation mutate);

}  // namespace larkspur::testing

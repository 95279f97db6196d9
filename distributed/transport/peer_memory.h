// SPDX-License-Identifier: Apache-2.0
// Reading the memory of another process of this host (Linux's process_vm_readv): what lies there is
// fetched by who needs it, when and where it needs it, and nobody holds it twice.
//
// Whether it is allowed depends on users, containers and kernel settings, so it is tried: a process
// shows a card with a word of its own, and who finds that word at that place may read the rest.
#pragma once

#include <cstdint>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// Plain numbers, to be sent as bytes.
struct MemoryCard {
  std::int64_t process = 0;   ///< as this host numbers it
  std::uint64_t address = 0;  ///< of the word
  std::uint64_t word = 0;     ///< drawn at random: no other process has it there
};

/// This process's, which holds as long as `word` stays where it is and as it is.
MemoryCard card_of(const std::uint64_t& word);

/// A word to show.
std::uint64_t draw_word();

/// Whether this process may read the one that showed the card. Thread-safe.
bool may_read(const MemoryCard& card) noexcept;

/// Copies what lies at `address` there. Throws kCollective saying why it cannot: the process has
/// gone, or has nothing there any more. Thread-safe.
void read_memory(std::int64_t process, std::uint64_t address, Block to);

}  // namespace larkspur::distributed

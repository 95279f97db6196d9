// SPDX-License-Identifier: Apache-2.0
#include "distributed/transport/peer_memory.h"

#include <cerrno>
#include <cstring>
#include <random>

#include <sys/uio.h>
#include <unistd.h>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

/// Bytes copied; 0 with errno where nothing could be.
std::size_t copy_some(std::int64_t process, std::uint64_t address, Block to) noexcept {
  const iovec here{to.data(), to.size()};
  const iovec there{reinterpret_cast<void*>(address), to.size()};
  const ssize_t copied =
      ::process_vm_readv(static_cast<pid_t>(process), &here, 1, &there, 1, /*flags=*/0);
  return copied > 0 ? static_cast<std::size_t>(copied) : 0;
}

}  // namespace

MemoryCard card_of(const std::uint64_t& word) {
  return {::getpid(), reinterpret_cast<std::uint64_t>(&word), word};
}

std::uint64_t draw_word() {
  std::random_device random;
  return (std::uint64_t{random()} << 32) | random();
}

bool may_read(const MemoryCard& card) noexcept {
  std::uint64_t found = ~card.word;
  const Block to = std::as_writable_bytes(std::span(&found, 1));
  return copy_some(card.process, card.address, to) == sizeof(found) && found == card.word;
}

void read_memory(std::int64_t process, std::uint64_t address, Block to) {
  while (!to.empty()) {
    const std::size_t copied = copy_some(process, address, to);
    pipeline::require(copied > 0,
                      pipeline::Errc::kCollective,
                      "cannot read the memory of process ",
                      process,
                      ": ",
                      std::strerror(errno));
    to = to.subspan(copied);
    address += copied;
  }
}

}  // namespace larkspur::distributed

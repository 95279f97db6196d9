// SPDX-License-Identifier: Apache-2.0
#include "distributed/group_communicator.h"

#include <cstdint>
#include <span>

namespace larkspur::distributed {

std::vector<std::string> GroupCommunicator::all_gather(std::string_view mine) {
  const auto ranks = static_cast<std::size_t>(size());
  const std::uint64_t length = mine.size();
  std::vector<std::uint64_t> lengths(ranks);
  std::vector<Block> blocks(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    blocks[rank] = std::as_writable_bytes(std::span(&lengths[rank], 1));
  }
  group_.all_gather(std::as_bytes(std::span(&length, 1)), blocks, "sizes of facts").wait();

  // Every rank knows all lengths now, so the second one can be exact.
  std::vector<std::string> texts(ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    texts[rank].resize(lengths[rank]);
    blocks[rank] = std::as_writable_bytes(std::span(texts[rank]));
  }
  group_.all_gather(std::as_bytes(std::span(mine)), blocks, "facts").wait();
  return texts;
}

}  // namespace larkspur::distributed

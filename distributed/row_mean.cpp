// SPDX-License-Identifier: Apache-2.0
#include "distributed/row_mean.h"

#include <numeric>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "pipeline/require.h"

namespace larkspur::distributed {
namespace {

using pipeline::ElementRange;
using pipeline::Errc;
using pipeline::require;

/// The shares of all ranks tile the elements.
ElementRange share_of(int rank, int ranks, std::int64_t elements) {
  return {elements * rank / ranks, elements * (rank + 1) / ranks};
}

Block block_of(const at::Tensor& tensor) {
  return {static_cast<std::byte*>(tensor.mutable_data_ptr()), tensor.nbytes()};
}

}  // namespace

at::Tensor RowMean::operator()(const at::Tensor& mine, const std::vector<int>& rows) {
  const auto me = static_cast<std::size_t>(group_.rank());
  require(rows.size() == static_cast<std::size_t>(group_.size()) && mine.dim() == 2 &&
              mine.size(0) == rows[me] && mine.scalar_type() == at::kFloat &&
              std::accumulate(rows.begin(), rows.end(), 0) > 0,
          Errc::kInvalidArgument,
          "[mean_of_rows] ",
          mine.sizes(),
          " ",
          mine.scalar_type(),
          " of rank ",
          me,
          " are not what was told of it, or there are no rows at all");
  const at::NoGradGuard no_grad;
  make_room(mine, rows);
  if (group_.size() > 1) send_shares(mine, rows);
  add_share(mine, rows);
  if (group_.size() > 1) {
    std::vector<Block> shares;
    for (int rank = 0; rank < group_.size(); ++rank) {
      const ElementRange share = share_of(rank, group_.size(), mine.size(1));
      shares.push_back(block_of(mean_.narrow(0, share.begin, share.size())));
    }
    group_.all_gather(shares[me], shares, "statistics").wait();
  }
  return mean_;
}

void RowMean::make_room(const at::Tensor& mine, const std::vector<int>& rows) {
  const int ranks = group_.size();
  const auto room = [&](at::Tensor& tensor, std::vector<std::int64_t> sizes) {
    if (!tensor.defined() || tensor.sizes() != at::IntArrayRef(sizes)) {
      tensor = mine.new_empty(sizes);
    }
  };
  outgoing_.resize(rows.size());
  incoming_.resize(rows.size());
  const std::int64_t my_share = share_of(group_.rank(), ranks, mine.size(1)).size();
  for (int rank = 0; rank < ranks; ++rank) {
    const auto index = static_cast<std::size_t>(rank);
    const bool is_me = rank == group_.rank();
    const std::int64_t share = share_of(rank, ranks, mine.size(1)).size();
    room(outgoing_[index], {is_me ? 0 : mine.size(0), share});
    room(incoming_[index], {is_me ? 0 : rows[index], my_share});
  }
  room(mean_, {mine.size(1)});
}

void RowMean::send_shares(const at::Tensor& mine, const std::vector<int>& rows) {
  std::vector<ConstBlock> sends;
  std::vector<Block> receives;
  for (std::size_t rank = 0; rank < rows.size(); ++rank) {
    const ElementRange share = share_of(static_cast<int>(rank), group_.size(), mine.size(1));
    if (outgoing_[rank].size(0) > 0) {
      outgoing_[rank].copy_(mine.narrow(1, share.begin, share.size()));
    }
    sends.emplace_back(block_of(outgoing_[rank]));
    receives.push_back(block_of(incoming_[rank]));
  }
  group_.all_to_all(sends, receives, "statistics").wait();
}

void RowMean::add_share(const at::Tensor& mine, const std::vector<int>& rows) {
  const ElementRange share = share_of(group_.rank(), group_.size(), mine.size(1));
  const at::Tensor my_rows = mine.narrow(1, share.begin, share.size());
  const at::Tensor sum = at::zeros({share.size()}, mine.options().dtype(at::kDouble));
  for (std::size_t rank = 0; rank < rows.size(); ++rank) {
    const bool is_me = static_cast<int>(rank) == group_.rank();
    const at::Tensor& held = is_me ? my_rows : incoming_[rank];
    for (int row = 0; row < rows[rank]; ++row) sum.add_(held.select(0, row));
  }
  const auto count = static_cast<double>(std::accumulate(rows.begin(), rows.end(), 0));
  mean_.narrow(0, share.begin, share.size()).copy_(sum.div_(count));
}

}  // namespace larkspur::distributed

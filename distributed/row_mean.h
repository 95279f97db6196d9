// SPDX-License-Identifier: Apache-2.0
// The mean of rows that ranks hold, with the same bits wherever they lie.
//
//   rank 0: rows 0 1 --+               each rank adds its share of the elements,
//   rank 1: rows 2 3 --+> all_to_all > row after row in float64: ((0 + 1) + 2) + 3 > all_gather
//
// So a rank sends and receives about twice a row for each rank's rows together, not every row of
// all ranks.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "distributed/transport/process_group.h"

namespace larkspur::distributed {

/// Borrows the group, whose memory the rows lie in. Keeps its buffers from call to call.
class RowMean {
 public:
  explicit RowMean(ProcessGroup& group) : group_(group) {}

  /// As pipeline::GradientExchange::mean_of_rows.
  at::Tensor operator()(const at::Tensor& mine, const std::vector<int>& rows);

 private:
  void make_room(const at::Tensor& mine, const std::vector<int>& rows);
  void send_shares(const at::Tensor& mine, const std::vector<int>& rows);
  void add_share(const at::Tensor& mine, const std::vector<int>& rows);

  ProcessGroup& group_;
  std::vector<at::Tensor> outgoing_;  ///< [ranks] my rows of each rank's share
  std::vector<at::Tensor> incoming_;  ///< [ranks] each rank's rows of my share
  at::Tensor mean_;                   ///< [elements]
};

}  // namespace larkspur::distributed

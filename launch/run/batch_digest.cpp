// SPDX-License-Identifier: Apache-2.0
#include "launch/run/batch_digest.h"

#include "pipeline/storage/crc32c.h"

namespace larkspur::launch {
namespace {

template <typename T>
std::uint32_t crc_of(const T& value, std::uint32_t crc) {
  return pipeline::crc32c(&value, sizeof value, crc);
}

std::uint32_t crc_of(const at::Tensor& tensor, std::uint32_t crc) {
  if (!tensor.defined()) return crc_of(std::int64_t{-1}, crc);
  crc = crc_of(tensor.scalar_type(), crc);
  for (const std::int64_t size : tensor.sizes()) crc = crc_of(size, crc);
  const at::Tensor rows = tensor.contiguous();
  return pipeline::crc32c(rows.const_data_ptr(), rows.nbytes(), crc);
}

}  // namespace

std::uint32_t batch_crc(const pipeline::Batch& batch, std::uint32_t crc) {
  for (const pipeline::Input& input : batch.inputs) {
    crc = pipeline::crc32c(input.name.data(), input.name.size(), crc);
    crc = crc_of(input.tensor, crc);
  }
  crc = crc_of(batch.labels, crc);
  crc = crc_of(batch.partner_labels, crc);
  crc = crc_of(batch.own_share, crc);
  for (const pipeline::SampleKey& key : batch.keys) {
    crc = crc_of(key.seed, crc);
    crc = crc_of(key.epoch, crc);
    crc = crc_of(key.sample, crc);
  }
  return crc_of(batch.nominal, crc);
}

}  // namespace larkspur::launch

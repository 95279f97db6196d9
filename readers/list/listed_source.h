// SPDX-License-Identifier: Apache-2.0
// What sources of clouds and of clips share: the list they own.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/sample_source.h"
#include "readers/list/sample_list.h"

namespace larkspur::readers {

/// Owns its list. Const and callable from many threads at once.
class ListedSource : public pipeline::SampleSource {
 public:
  std::int64_t size() const override;
  std::string name(std::int64_t id) const override;
  std::int64_t label(std::int64_t id) const override;
  /// The number of frames behind the name, where the list has one.
  std::string identity(std::int64_t id) const override;
  std::vector<std::int64_t> labels(std::int64_t id) const override;

 protected:
  /// Throws kInvalidArgument for an empty list.
  explicit ListedSource(SampleList list);

  /// As Sample has them.
  std::vector<std::int64_t> sample_labels(const SampleEntry& sample) const;

  /// Of an id in [0, size()), else throws kInvalidArgument.
  const SampleEntry& entry(std::int64_t id) const;

 private:
  SampleList list_;
};

}  // namespace larkspur::readers

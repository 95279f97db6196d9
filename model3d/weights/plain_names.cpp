// SPDX-License-Identifier: Apache-2.0
#include "model3d/weights/plain_names.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "pipeline/require.h"

namespace larkspur::model3d {
namespace {

constexpr std::string_view kWrappers[] = {"module.", "_orig_mod.", "backbone.", "model."};

class PlainNames final : public pipeline::TensorFile {
 public:
  PlainNames(std::unique_ptr<pipeline::TensorFile> file, std::string wrapper)
      : file_(std::move(file)), wrapper_(std::move(wrapper)) {}

  std::string origin() const override { return file_->origin(); }
  std::map<std::string, std::string> metadata() const override { return file_->metadata(); }
  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = file_->notes();
    notes.push_back(pipeline::text_of("'", wrapper_, "' is left out before every name"));
    return notes;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> names = file_->names();
    for (std::string& name : names) name.erase(0, wrapper_.size());
    return names;
  }
  std::vector<std::int64_t> shape(const std::string& name) const override {
    return file_->shape(wrapper_ + name);
  }
  at::Tensor tensor(const std::string& name) const override {
    return file_->tensor(wrapper_ + name);
  }

 private:
  std::unique_ptr<pipeline::TensorFile> file_;
  std::string wrapper_;
};

}  // namespace

std::string wrapper_of(const std::vector<std::string>& names) {
  std::string wrapper;
  for (bool is_longer = !names.empty(); is_longer;) {
    is_longer = false;
    for (const std::string_view word : kWrappers) {
      const std::string longer = wrapper + std::string(word);
      is_longer = std::ranges::all_of(
          names, [&](const std::string& name) { return name.starts_with(longer); });
      if (!is_longer) continue;
      wrapper = longer;
      break;
    }
  }
  return wrapper;
}

std::string wrapper_before(const std::string& missing, const std::vector<std::string>& unexpected) {
  for (const std::string& name : unexpected) {
    if (!name.ends_with("." + missing)) continue;
    std::string prefix = name.substr(0, name.size() - missing.size());
    if (wrapper_of({prefix}) == prefix) return prefix;
  }
  return {};
}

std::unique_ptr<pipeline::TensorFile> with_plain_names(std::unique_ptr<pipeline::TensorFile> file) {
  std::string wrapper = wrapper_of(file->names());
  if (wrapper.empty()) return file;
  return std::make_unique<PlainNames>(std::move(file), std::move(wrapper));
}

}  // namespace larkspur::model3d

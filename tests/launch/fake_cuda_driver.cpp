// SPDX-License-Identifier: Apache-2.0
// A libcuda.so.1 that knows six calls. The environment's FAKE_GPUS says how many it shows.
#include <cstdlib>
#include <cstring>

extern "C" {

int cuInit(unsigned) { return 0; }

int cuDeviceGetCount(int* count) {
  const char* text = std::getenv("FAKE_GPUS");
  *count = text == nullptr ? 0 : std::atoi(text);
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return 0;
}

int cuDeviceGetName(char* name, int size, int) {
  std::strncpy(name, "Fake GPU", static_cast<std::size_t>(size));
  return 0;
}

int cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}

int cuDeviceGetUuid(void* uuid, int device) {
  std::memset(uuid, 0xA0 + device, 16);
  return 0;
}
}

# Sources of model3d/ops, relative to model3d/; included by model3d/CMakeLists.txt, where file
# properties take effect.

set(model3d_ops_sources
  ops/dw_conv3d/dw_conv3d.cpp
  ops/dw_conv3d/dw_conv3d_cpu.cpp
  ops/dw_conv3d/dw_conv3d_double_cpu.cpp
  ops/dw_conv3d/dw_conv3d_plan.cpp
  ops/dw_conv3d/dw_conv3d_portable.cpp)

# at::parallel_for is serial in code compiled without it; the runtime is the one LibTorch brings.
set_source_files_properties(ops/dw_conv3d/dw_conv3d_cpu.cpp PROPERTIES COMPILE_OPTIONS -fopenmp)

# One file an instruction set; the processor decides at run time. A product and its sum are fused
# in these files only, and they are optimised in debug builds too: tests would take minutes. With a
# sanitizer less so: its checks in every unrolled loop would take the compiler minutes.
set(lanes_flags -O3 -ffp-contract=fast)
if(LARKSPUR_SANITIZE)
  set(lanes_flags -O1 -ffp-contract=fast)
endif()
set_source_files_properties(ops/dw_conv3d/dw_conv3d_portable.cpp PROPERTIES
  COMPILE_OPTIONS "${lanes_flags}" SKIP_PRECOMPILE_HEADERS ON)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  list(APPEND model3d_ops_sources
    ops/dw_conv3d/dw_conv3d_avx2.cpp
    ops/dw_conv3d/dw_conv3d_avx512.cpp
    ops/dw_conv3d/dw_conv3d_choice_x86.cpp)
  set_source_files_properties(ops/dw_conv3d/dw_conv3d_avx2.cpp PROPERTIES
    COMPILE_OPTIONS "${lanes_flags};-mavx2;-mfma" SKIP_PRECOMPILE_HEADERS ON)
  set_source_files_properties(ops/dw_conv3d/dw_conv3d_avx512.cpp PROPERTIES
    COMPILE_OPTIONS "${lanes_flags};-mavx512f;-mavx512vl;-mavx512dq;-mfma;-mprefer-vector-width=512"
    SKIP_PRECOMPILE_HEADERS ON)
else()
  list(APPEND model3d_ops_sources ops/dw_conv3d/dw_conv3d_choice_any.cpp)
endif()

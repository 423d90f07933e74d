// SPDX-License-Identifier: Apache-2.0
// Dimensions of a given rank, with the accessors of all releases.
#pragma once
#pragma GCC system_header

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

class Dims2 : public Dims {
 public:
  Dims2() : Dims2(0, 0) {}
  Dims2(DimSize d0, DimSize d1) : Dims() {
    nbDims = 2;
    d[0] = d0;
    d[1] = d1;
  }
};

class DimsHW : public Dims2 {
 public:
  DimsHW() = default;
  DimsHW(DimSize height, DimSize width) : Dims2(height, width) {}
  DimSize& h() { return d[0]; }
  DimSize h() const { return d[0]; }
  DimSize& w() { return d[1]; }
  DimSize w() const { return d[1]; }
};

class Dims3 : public Dims2 {
 public:
  Dims3() : Dims3(0, 0, 0) {}
  Dims3(DimSize d0, DimSize d1, DimSize d2) : Dims2(d0, d1) {
    nbDims = 3;
    d[2] = d2;
  }
};

class DimsCHW : public Dims3 {
 public:
  DimsCHW() = default;
  DimsCHW(DimSize channels, DimSize height, DimSize width) : Dims3(channels, height, width) {}
  DimSize& c() { return d[0]; }
  DimSize c() const { return d[0]; }
  DimSize& h() { return d[1]; }
  DimSize h() const { return d[1]; }
  DimSize& w() { return d[2]; }
  DimSize w() const { return d[2]; }
};

class Dims4 : public Dims3 {
 public:
  Dims4() : Dims4(0, 0, 0, 0) {}
  Dims4(DimSize d0, DimSize d1, DimSize d2, DimSize d3) : Dims3(d0, d1, d2) {
    nbDims = 4;
    d[3] = d3;
  }
};

class DimsNCHW : public Dims4 {
 public:
  DimsNCHW() = default;
  DimsNCHW(DimSize n, DimSize c, DimSize h, DimSize w) : Dims4(n, c, h, w) {}
  DimSize& n() { return d[0]; }
  DimSize n() const { return d[0]; }
  DimSize& c() { return d[1]; }
  DimSize c() const { return d[1]; }
  DimSize& h() { return d[2]; }
  DimSize h() const { return d[2]; }
  DimSize& w() { return d[3]; }
  DimSize w() const { return d[3]; }
};

}  // namespace nvinfer1

using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Trigonometric and hyperbolic functions.</summary>
    public partial class Tensor
    {
        public Tensor deg2rad() => Aten.Call("deg2rad", this);

        public Tensor deg2rad_() => Aten.InPlace("deg2rad_", this);

        public Tensor rad2deg() => Aten.Call("rad2deg", this);

        public Tensor rad2deg_() => Aten.InPlace("rad2deg_", this);

        public Tensor angle() => Aten.Call("angle", this);

        public Tensor asin() => Aten.Call("asin", this);

        public Tensor arcsin() => Aten.Call("arcsin", this);

        public Tensor asin_() => Aten.InPlace("asin_", this);

        public Tensor arcsin_() => Aten.InPlace("arcsin_", this);

        public Tensor acos() => Aten.Call("acos", this);

        public Tensor arccos() => Aten.Call("arccos", this);

        public Tensor acos_() => Aten.InPlace("acos_", this);

        public Tensor arccos_() => Aten.InPlace("arccos_", this);

        public Tensor atan() => Aten.Call("atan", this);

        public Tensor arctan() => Aten.Call("arctan", this);

        public Tensor arctan(Tensor other) => Aten.Call("arctan2", this, other);

        public Tensor arctan_(Tensor other) => Aten.InPlace("arctan2_", this, other);

        public Tensor atan_() => Aten.InPlace("atan_", this);

        public Tensor arctan_() => Aten.InPlace("arctan_", this);

        public Tensor atan2(Tensor other) => Aten.Call("atan2", this, other);

        public Tensor arctan2_(Tensor other) => Aten.InPlace("arctan2_", this, other);

        public Tensor arctan2(Tensor other) => Aten.Call("arctan2", this, other);

        public Tensor atan2_(Tensor other) => Aten.InPlace("atan2_", this, other);

        public Tensor cos() => Aten.Call("cos", this);

        public Tensor cos_() => Aten.InPlace("cos_", this);

        public Tensor sin() => Aten.Call("sin", this);

        public Tensor sin_() => Aten.InPlace("sin_", this);

        public Tensor tan() => Aten.Call("tan", this);

        public Tensor tan_() => Aten.InPlace("tan_", this);

        public Tensor sinc() => Aten.Call("sinc", this);

        public Tensor sinc_() => Aten.InPlace("sinc_", this);

        public Tensor sinh() => Aten.Call("sinh", this);

        public Tensor sinh_() => Aten.InPlace("sinh_", this);

        public Tensor cosh() => Aten.Call("cosh", this);

        public Tensor cosh_() => Aten.InPlace("cosh_", this);

        public Tensor tanh() => Aten.Call("tanh", this);

        public Tensor tanh_() => Aten.InPlace("tanh_", this);

        public Tensor arcsinh() => Aten.Call("arcsinh", this);

        public Tensor asinh() => Aten.Call("asinh", this);

        public Tensor arcsinh_() => Aten.InPlace("arcsinh_", this);

        public Tensor asinh_() => Aten.InPlace("asinh_", this);

        public Tensor arccosh() => Aten.Call("arccosh", this);

        public Tensor acosh() => Aten.Call("acosh", this);

        public Tensor arccosh_() => Aten.InPlace("arccosh_", this);

        public Tensor acosh_() => Aten.InPlace("acosh_", this);

        public Tensor arctanh() => Aten.Call("arctanh", this);

        public Tensor atanh() => Aten.Call("atanh", this);

        public Tensor arctanh_() => Aten.InPlace("arctanh_", this);

        public Tensor atanh_() => Aten.InPlace("atanh_", this);
    }
}

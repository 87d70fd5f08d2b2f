namespace TorchSharp;

public static partial class torch
{
    /// <summary>Text for people.</summary>
    public partial class Tensor
    {
        /// <summary>Shape, type and device.</summary>
        public override string ToString() => ToString(TensorStringStyle.Metadata);

        public string ToString(TensorStringStyle style, string? fltFormat = null, int? width = null,
            System.Globalization.CultureInfo? cultureInfo = null, string? newLine = null)
        {
            if (IsInvalid)
                return "[disposed]";
            var head = $"[{string.Join("x", shape)}], type = {dtype}, device = {device}";
            if (style == TensorStringStyle.Metadata)
                return head;
            using var flat = detach().to_type(ScalarType.Float64).contiguous();
            var numbers = flat.data<double>().ToArray().Select(x => x.ToString(fltFormat ?? "g5", cultureInfo ?? System.Globalization.CultureInfo.InvariantCulture));
            return $"{head}{newLine ?? Environment.NewLine}[{string.Join(", ", numbers)}]";
        }
    }
}

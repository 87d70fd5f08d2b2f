using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Cosines and sines of the rotary embedding's angles, position * base^(-2i / headSize) (Su et al. 2021, arXiv 2104.09864).</summary>
public sealed class RotaryTable
{
    /// <param name="length">Positions.</param>
    /// <param name="headSize">Size of a head, even.</param>
    /// <param name="wavelengthBase">Usually 10000.</param>
    public RotaryTable(int length, int headSize, double wavelengthBase)
    {
        var half = headSize / 2;
        var cos = new float[length * half];
        var sin = new float[length * half];
        for (var position = 0; position < length; position++)
        {
            for (var i = 0; i < half; i++)
            {
                var angle = position * Math.Pow(wavelengthBase, -2.0 * i / headSize);
                cos[position * half + i] = (float)Math.Cos(angle);
                sin[position * half + i] = (float)Math.Sin(angle);
            }
        }
        Cos = HostTensor.From(cos, length, half);
        Sin = HostTensor.From(sin, length, half);
    }

    /// <summary>[length, headSize / 2]</summary>
    public HostTensor Cos { get; }

    /// <inheritdoc cref="Cos"/>
    public HostTensor Sin { get; }
}

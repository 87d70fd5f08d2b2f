using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Quantization;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>h + V act(U norm(h)), of which a pass uses the first elements of the stream and of the hidden layer.</summary>
internal sealed class MlpBlock(LayerScope scope, int width, int hidden, ModelOptions options, LinearBuilder linears) : Layer(scope)
{
    private readonly ElasticNorm _norm = new(scope.Child("norm"), width, options.NormEpsilon);
    private readonly Affine _up = linears.Build(scope.Child("up"), width, hidden, 1 / Math.Sqrt(width));
    private readonly Affine _down = linears.Build(scope.Child("down"), hidden, width, options.InitialDeviation);

    public Value Forward(Value h, int usedWidth, int usedHidden)
    {
        var inner = FeedForward.Activate(_up.Forward(_norm.Forward(h, usedWidth), usedWidth, usedHidden), options.Activation);
        return h + _down.Forward(inner, usedHidden, usedWidth);
    }
}

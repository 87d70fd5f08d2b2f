using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Behaviour;

/// <summary>Gradient modes, leaves and clipping.</summary>
public class GradTests
{
    [Fact]
    public void NoGradEndsWithItsUsing()
    {
        Assert.True(is_grad_enabled());
        using (no_grad())
        {
            Assert.False(is_grad_enabled());
            using (enable_grad())
                Assert.True(is_grad_enabled());
        }
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void OnlyLeavesThatAskForItHaveAGradient()
    {
        using var scope = NewDisposeScope();
        var x = ones(2, requires_grad: true);
        Assert.Null(x.grad);
        var y = x * 3;
        Assert.False(y.is_leaf);
        y.sum().backward();
        Assert.Equal([3f, 3f], x.grad!.data<float>().ToArray());
    }

    [Fact]
    public void UnusedInputsHaveNoGradientWhenThatIsAllowed()
    {
        using var scope = NewDisposeScope();
        var (x, unused) = (ones(2, requires_grad: true), ones(2, requires_grad: true));
        var gradients = autograd.grad([(x * 2).sum()], [x, unused], allow_unused: true);
        Assert.Equal(2f, gradients[0][0].ToSingle());
        Assert.True(gradients[1] is null || gradients[1].IsInvalid);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(100.0)]
    public void ClippingScalesToTheNormAndReturnsTheNormBefore(double limit)
    {
        using var scope = NewDisposeScope();
        var parameter = new TorchSharp.Modules.Parameter(zeros(2));
        (parameter * tensor(new[] { 3f, 4f })).sum().backward();
        Assert.Equal(5, nn.utils.clip_grad_norm_([parameter], limit), 4);
        Assert.Equal(Math.Min(5, limit), parameter.grad!.norm().ToDouble(), 4);
    }

    [Fact]
    public void ErrorsOfLibtorchAreExceptionsWithItsMessage()
    {
        using var x = ones(2, 3);
        var error = Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => x.reshape(4));
        Assert.Contains("shape '[4]' is invalid", error.Message);
    }
}

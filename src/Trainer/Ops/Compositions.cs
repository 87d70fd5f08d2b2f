namespace OnnxMoe.Trainer.Ops;

/// <summary>The MoE and fused ops written out in standard ONNX ops: function bodies of exported files, and a reference for kernels.</summary>
public static class Compositions
{
}

namespace OnnxMoe.Trainer.Ops;

/// <summary>A linear map in a form of its own, which stands in a layer where a weight's product would be.</summary>
public interface IMatrixProduct
{
    /// <param name="x">[..., inputs]</param>
    /// <returns>[..., outputs]</returns>
    Value Of(Value x);
}

using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Functions;

/// <summary>How a function gets its matrices.</summary>
internal enum MatrixForm
{
    Float,

    Half,

    /// <summary>8 bit <see cref="BlockCodes"/>: codes, and scales as the next input.</summary>
    Int8,

    /// <summary>4 bit <see cref="BlockCodes"/>.</summary>
    Int4,
}

/// <summary>Facts about forms.</summary>
internal static class MatrixForms
{
    /// <summary>The form of matrices, or of codes, of an element type.</summary>
    public static MatrixForm Of(ElementType type) => type switch
    {
        ElementType.Float16 => MatrixForm.Half,
        ElementType.Int8 => MatrixForm.Int8,
        ElementType.UInt8 => MatrixForm.Int4,
        _ => MatrixForm.Float,
    };

    /// <summary>The element type of the input.</summary>
    public static ElementType Type(this MatrixForm form) => form switch
    {
        MatrixForm.Half => ElementType.Float16,
        MatrixForm.Int8 => ElementType.Int8,
        MatrixForm.Int4 => ElementType.UInt8,
        _ => ElementType.Float,
    };

    /// <summary>Whether the matrices are codes with scales.</summary>
    public static bool IsCodes(this MatrixForm form) => form is MatrixForm.Int8 or MatrixForm.Int4;
}

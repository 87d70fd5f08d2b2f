using System.Runtime.InteropServices;

namespace Google.OrTools.LinearSolver;

/// <summary>CBC's C interface (Cbc_C_Interface.h, version 2.10).</summary>
static partial class Cbc
{
    const string Library = "libCbcSolver.so.3";

    [LibraryImport(Library, EntryPoint = "Cbc_getVersion")]
    internal static partial nint Version();

    [LibraryImport(Library, EntryPoint = "Cbc_newModel")]
    internal static partial nint NewModel();

    [LibraryImport(Library, EntryPoint = "Cbc_deleteModel")]
    internal static partial void DeleteModel(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_loadProblem")]
    internal static partial void LoadProblem(nint model, int columns, int rows, int[] start, int[] index, double[] value,
        double[] columnLower, double[] columnUpper, double[] objective, double[] rowLower, double[] rowUpper);

    [LibraryImport(Library, EntryPoint = "Cbc_setInteger")]
    internal static partial void SetInteger(nint model, int column);

    [LibraryImport(Library, EntryPoint = "Cbc_setObjSense")]
    internal static partial void SetObjectiveSense(nint model, double sense);

    [LibraryImport(Library, EntryPoint = "Cbc_setParameter", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial void SetParameter(nint model, string name, string value);

    [LibraryImport(Library, EntryPoint = "Cbc_setLogLevel")]
    internal static partial void SetLogLevel(nint model, int level);

    [LibraryImport(Library, EntryPoint = "Cbc_solve")]
    internal static partial int Solve(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_status")]
    internal static partial int Status(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_secondaryStatus")]
    internal static partial int SecondaryStatus(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_isProvenOptimal")]
    internal static partial int IsProvenOptimal(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_isProvenInfeasible")]
    internal static partial int IsProvenInfeasible(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_isContinuousUnbounded")]
    internal static partial int IsContinuousUnbounded(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_bestSolution")]
    internal static partial nint BestSolution(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getColSolution")]
    internal static partial nint ColumnSolution(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getRowActivity")]
    internal static partial nint RowActivity(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getReducedCost")]
    internal static partial nint ReducedCost(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getObjValue")]
    internal static partial double ObjectiveValue(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getBestPossibleObjValue")]
    internal static partial double BestPossible(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getNodeCount")]
    internal static partial int NodeCount(nint model);

    [LibraryImport(Library, EntryPoint = "Cbc_getIterationCount")]
    internal static partial int IterationCount(nint model);
}

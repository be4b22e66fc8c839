<?php
namespace Peer\App;

class Handler extends \Illuminate\Foundation\Exceptions\Handler
{
	protected function shouldReturnJson($request, \Throwable $e)
	{
		return true;
	}
}
